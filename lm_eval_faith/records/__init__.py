"""What was measured: one writer and one reader of samples files, and the records of chains and steps."""
