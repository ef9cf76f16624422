package dialect

// PutBehind puts the dialect behind the end of variables, for a statement that was
// rendered in DryRun: ToSQL explains SQL with the handle's dialector, whatever the
// statement's was (gorm.go).
func (d *Dialect) PutBehind(vars []any) []any {
	return append(vars[:len(vars):cap(vars)], d)[:len(vars)]
}

// BehindVars is the dialect behind the end of variables, or nil.
func BehindVars(vars []any) *Dialect {
	if len(vars) == 0 || cap(vars) == len(vars) {
		return nil
	}
	d, _ := vars[:len(vars)+1][len(vars)].(*Dialect)
	return d
}
