package tenantload

import "database/sql"

// Counts are how many rows of a table name each tenant.
func Counts(db *sql.DB, table string) (map[string]int64, error) {
	rows, err := db.Query("SELECT tenant, count(*) FROM " + table + " GROUP BY tenant")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[string]int64{}
	for rows.Next() {
		var tenant string
		var n int64
		if err := rows.Scan(&tenant, &n); err != nil {
			return nil, err
		}
		counts[tenant] = n
	}
	return counts, rows.Err()
}
