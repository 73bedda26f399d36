"""What there is to run on, who may take how much of it, and who waits."""
