"""What is believed of a clip; without any library, so that a camera's side may know it too."""

LENGTH_LIMIT_SECONDS = 7 * 86400  # a header that claims more is not believed for start and end
