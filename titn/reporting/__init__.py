"""From records to pages: statistics, tables, figures and the paper's numbers. No torch here."""
