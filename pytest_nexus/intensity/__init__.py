"""Ask what the grid emits: a file, public services, or the yearly means of countries."""
