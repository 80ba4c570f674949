"""The addresses for programs, one noun in each file. Imports `http`, the verbs and what is below them."""
