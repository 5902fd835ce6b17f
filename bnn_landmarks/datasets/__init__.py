"""Annotated images, one record for all sets (`Sample`)."""
