"""Posters, sprites, copies and films: what is due, who has it made by `workers`. Imports services and what is below it."""
