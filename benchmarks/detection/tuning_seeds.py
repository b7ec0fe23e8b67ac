"""Seeds of the charts on which anything may be tried and tuned."""

TABLE_SEEDS = (901, 902, 903, 904, 905)
SUGGEST_SEEDS = tuple(range(911, 931))
