"""The HTML report and the generated sections of Markdown pages."""
