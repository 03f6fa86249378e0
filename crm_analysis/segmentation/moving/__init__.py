"""How customers move between labels: counting, testing, forecasting, drawing."""
