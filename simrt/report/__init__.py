"""What people read: figures, pages, text."""
