"""The screen "Keywords": what each rule and keyword did, which never match, and whether each rule's tests pass."""
