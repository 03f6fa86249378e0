"""Response: who answers a survey, which questions they leave out, and who answers again."""
