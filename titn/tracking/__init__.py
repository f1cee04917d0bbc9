"""What a run tells the tools that people watch their runs with."""
