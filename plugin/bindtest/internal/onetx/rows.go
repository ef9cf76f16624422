package onetx

import (
	"database/sql/driver"
	"io"
	"reflect"
)

// answer is what a database answered, read to its end: a connection has one answer
// open at a time, and the program may send the next statement before it has read
// this one.
type answer struct {
	sets []resultSet
}

type resultSet struct {
	columns []column
	rows    [][]driver.Value
}

// A column is what drivers tell of one.
type column struct {
	name                  string
	typeName              string
	scanType              reflect.Type
	length                int64
	hasLength             bool
	nullable, hasNullable bool
	precision, scale      int64
	hasPrecision          bool
}

var (
	_ driver.RowsNextResultSet              = (*answer)(nil)
	_ driver.RowsColumnTypeScanType         = (*answer)(nil)
	_ driver.RowsColumnTypeDatabaseTypeName = (*answer)(nil)
	_ driver.RowsColumnTypeLength           = (*answer)(nil)
	_ driver.RowsColumnTypeNullable         = (*answer)(nil)
	_ driver.RowsColumnTypePrecisionScale   = (*answer)(nil)
)

// readAll reads rows to their end, and closes them.
func readAll(rows driver.Rows) (_ driver.Rows, err error) {
	defer func() { err = join(err, rows.Close()) }()
	all := &answer{}
	for {
		set, err := readSet(rows)
		if err != nil {
			return nil, err
		}
		all.sets = append(all.sets, set)
		next, ok := rows.(driver.RowsNextResultSet)
		if !ok || !next.HasNextResultSet() {
			return all, nil
		}
		if err := next.NextResultSet(); err != nil {
			return nil, err
		}
	}
}

func readSet(rows driver.Rows) (set resultSet, err error) {
	names := rows.Columns()
	for i, name := range names { // before the first row, as most ask
		set.columns = append(set.columns, columnOf(rows, i, name))
	}
	for {
		values := make([]driver.Value, len(names))
		err := rows.Next(values)
		if err == io.EOF {
			break
		}
		if err != nil {
			return set, err
		}
		for i, value := range values {
			if bytes, ok := value.([]byte); ok && bytes != nil { // the driver's, until the next row
				values[i] = append(make([]byte, 0, len(bytes)), bytes...)
			}
		}
		set.rows = append(set.rows, values)
	}
	return set, nil
}

func columnOf(rows driver.Rows, i int, name string) column {
	c := column{name: name, scanType: reflect.TypeOf((*any)(nil)).Elem()}
	if typed, ok := rows.(driver.RowsColumnTypeScanType); ok {
		c.scanType = typed.ColumnTypeScanType(i)
	}
	if typed, ok := rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		c.typeName = typed.ColumnTypeDatabaseTypeName(i)
	}
	if typed, ok := rows.(driver.RowsColumnTypeLength); ok {
		c.length, c.hasLength = typed.ColumnTypeLength(i)
	}
	if typed, ok := rows.(driver.RowsColumnTypeNullable); ok {
		c.nullable, c.hasNullable = typed.ColumnTypeNullable(i)
	}
	if typed, ok := rows.(driver.RowsColumnTypePrecisionScale); ok {
		c.precision, c.scale, c.hasPrecision = typed.ColumnTypePrecisionScale(i)
	}
	return c
}

func (a *answer) Columns() []string {
	names := make([]string, len(a.sets[0].columns))
	for i, c := range a.sets[0].columns {
		names[i] = c.name
	}
	return names
}

func (a *answer) Close() error { return nil }

func (a *answer) Next(values []driver.Value) error {
	set := &a.sets[0]
	if len(set.rows) == 0 {
		return io.EOF
	}
	copy(values, set.rows[0])
	set.rows = set.rows[1:]
	return nil
}

func (a *answer) HasNextResultSet() bool { return len(a.sets) > 1 }

func (a *answer) NextResultSet() error {
	if len(a.sets) < 2 {
		return io.EOF
	}
	a.sets = a.sets[1:]
	return nil
}

func (a *answer) column(i int) column { return a.sets[0].columns[i] }

func (a *answer) ColumnTypeScanType(i int) reflect.Type { return a.column(i).scanType }

func (a *answer) ColumnTypeDatabaseTypeName(i int) string { return a.column(i).typeName }

func (a *answer) ColumnTypeLength(i int) (int64, bool) {
	return a.column(i).length, a.column(i).hasLength
}

func (a *answer) ColumnTypeNullable(i int) (nullable, ok bool) {
	return a.column(i).nullable, a.column(i).hasNullable
}

func (a *answer) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	return a.column(i).precision, a.column(i).scale, a.column(i).hasPrecision
}
