"""Where problems come from, each with its question and a chain: generators and files."""
