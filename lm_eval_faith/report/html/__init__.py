"""Pages: one self-contained HTML file each, that opens without a network."""
