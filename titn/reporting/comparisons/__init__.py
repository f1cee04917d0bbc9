"""What rows have in common and differ by: levels, differences, claims, tokens. Numbers only."""
