INSERT INTO `span_label_types` (`name`, `display_name`, `color`, `hotkey`, `sort_order`) VALUES
	('bull_flag', 'Bull flag', '#26a69a', '1', 1),
	('bear_flag', 'Bear flag', '#ef5350', '2', 2),
	('head_and_shoulders', 'Head and shoulders', '#ab47bc', '3', 3),
	('double_bottom', 'Double bottom', '#42a5f5', '4', 4),
	('wedge_up', 'Wedge up', '#ffa726', '5', 5),
	('wedge_down', 'Wedge down', '#8d6e63', '6', 6),
	('custom', 'Custom', '#78909c', '7', 7);
