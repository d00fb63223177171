"""The HTML report and generated sections of Markdown pages."""
