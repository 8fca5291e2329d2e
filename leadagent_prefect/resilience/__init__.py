"""Pure policies: a clock and numbers in, decisions out."""
