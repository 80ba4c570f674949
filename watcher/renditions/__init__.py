"""Posters, sprites, copies and films: what is due, who makes it. Imports services and what is below it."""
