"""The screen "Try it": which tags a text, a transcript or a chat of LiveChat would get, and why."""
