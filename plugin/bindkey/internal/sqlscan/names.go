package sqlscan

// Names visits the words and quoted names of a text, folded, until visit returns
// false, and tells whether they stand in a subquery.
func Names(text string, visit func(name string, inSubquery bool) bool) {
	r := reader{lexer: lexer{src: text}}
	depth, nested := 0, -1 // the level of parentheses of a SELECT inside
	for token := r.scan(); token.kind != endToken; token = r.scan() {
		switch {
		case token.kind == otherToken && r.src[token.start] == '(':
			depth++
		case token.kind == otherToken && r.src[token.start] == ')':
			if depth--; depth < nested {
				nested = -1
			}
		case token.key == kwSelect && nested < 0 && depth > 0:
			nested = depth
		case token.kind == wordToken || token.kind == quotedToken:
			if !visit(r.unquoted(token), nested >= 0) {
				return
			}
		}
	}
}
