"""What runs containers, behind one interface."""
