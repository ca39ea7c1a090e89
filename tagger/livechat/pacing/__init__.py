"""When which call may go, and when it is given up."""
