"""The screen "Change": edit a rule or a file, see its mistakes, try it on chats of the past, take it away as a file."""
