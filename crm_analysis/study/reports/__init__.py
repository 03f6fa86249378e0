"""The usual reports of a firm, aggregated where the data lie: sales, market, and the 7P of customer analysis."""
