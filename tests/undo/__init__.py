"""Whatever a play did and whatever died: the host is as it was, says an outside observer. See README.md here."""
