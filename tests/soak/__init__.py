"""Whether memory levels off: a clip a second and twenty readers, for an hour."""
