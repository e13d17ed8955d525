# SPDX-License-Identifier: MIT
# Reads "row|column|value", prints a table in the order of first appearance. A cell with several
# values shows their median; columns listed in `ranges` (by comma) show "least..greatest" behind it.
BEGIN {
	n = split(ranges, parts, ",")
	for (i = 1; i <= n; i++)
		has_range[parts[i]] = 1
}

NF == 3 {
	if (!($1 in row_seen))
		row_seen[rows[++nr_rows] = $1] = 1
	if (!($2 in column_seen))
		column_seen[columns[++nr_columns] = $2] = 1
	values[$1, $2, ++count[$1, $2]] = $3
}

function is_number(v) {
	return v ~ /^-?[0-9.]+$/
}

# Insertion sort of one cell's values.
function sort(row, column,    i, j, v) {
	for (i = 2; i <= count[row, column]; i++) {
		v = values[row, column, i]
		for (j = i - 1; j && values[row, column, j] + 0 > v + 0; j--)
			values[row, column, j + 1] = values[row, column, j]
		values[row, column, j + 1] = v
	}
}

function cell(row, column,    n, text) {
	n = count[row, column]
	if (!n)
		return "-"
	sort(row, column)
	text = values[row, column, int((n + 1) / 2)]
	if (has_range[column] && n > 1 && is_number(text))
		text = text " " values[row, column, 1] ".." values[row, column, n]
	return text
}

function widen(column, text) {
	if (length(text) > width[column])
		width[column] = length(text)
}

END {
	width[0] = length(corner)
	for (r = 1; r <= nr_rows; r++)
		widen(0, rows[r])
	for (c = 1; c <= nr_columns; c++) {
		widen(c, columns[c])
		for (r = 1; r <= nr_rows; r++)
			widen(c, cell(rows[r], columns[c]))
	}
	printf "%-*s", width[0], corner
	for (c = 1; c <= nr_columns; c++)
		printf "  %*s", width[c], columns[c]
	print ""
	for (r = 1; r <= nr_rows; r++) {
		printf "%-*s", width[0], rows[r]
		for (c = 1; c <= nr_columns; c++)
			printf "  %*s", width[c], cell(rows[r], columns[c])
		print ""
	}
	print ""
}
