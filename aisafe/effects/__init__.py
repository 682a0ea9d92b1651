"""What each module does to a host: pure functions from a task and the predicted host to effects, one file a family."""
