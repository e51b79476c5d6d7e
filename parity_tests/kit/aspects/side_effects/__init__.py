"""What a call does besides, and what it keeps."""
