"""What instances are made from: images, code sources, and the credentials to fetch them."""
