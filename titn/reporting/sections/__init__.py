"""The parts of a question's page about one setting: tables with their CSV, and figures."""
