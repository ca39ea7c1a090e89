"""The keyword language: keyword files in, rules or problems out."""
