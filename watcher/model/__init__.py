"""The words of the house: values that every room shares, and what goes wrong. Imports no other room."""
