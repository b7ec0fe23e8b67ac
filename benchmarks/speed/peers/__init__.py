"""What a user would pick instead; runs in environments without candle-ml, which these modules never import."""
