package benchlab

// Common is the work that every database has, in two groups: statements, and
// transactions.
func Common(database string, p Place) []*Work {
	statements := Of(database, []*Work{
		{Name: "First, default bind", Place: p, Make: First[User](Home), Budget: StatementBudget},
		{Name: "First", Place: p, Make: First[LogEntry](Other), Budget: StatementBudget},
		{Name: "Find 100 rows", Place: p, Make: Find[LogEntry](Other), Budget: StatementBudget},
		{Name: "Create", Place: p, Make: Create(Other), Budget: StatementBudget},
		{Name: "Create, SkipDefaultTransaction", Place: p, Setup: Setup{Skip: true}, Make: Create(Other), Budget: StatementBudget},
		{Name: "Create batch of 100", Place: p, Make: CreateBatch, Budget: StatementBudget},
		{Name: "Update", Place: p, Make: Update, Budget: StatementBudget},
		{Name: "Delete", Place: p, Make: Delete, Budget: StatementBudget},
		{Name: "Raw SELECT", Place: p, Make: Raw, Budget: StatementBudget},
		{Name: "Preload across binds; plain: two queries", Place: p, Make: PreloadByHand, Budget: NoBudget},
		{Name: "Preload across binds; plain: in one database", Place: p, Make: Preload, Budget: StatementBudget.Of(2), Left: Without(NotReached, Using)},
	}...)
	transactions := Of("Transactions, "+database, []*Work{
		{Name: "Create, default bind", Place: p, Make: Transaction(Home), Budget: TransactionBudget},
		{Name: "Create", Place: p, Make: Transaction(Other), Budget: TransactionBudget, Left: Without(WrongDatabase, Resolver)},
		{Name: "five First, default bind", Place: p, Make: TransactionOfFive, Budget: TransactionBudget},
		{Name: "Create on two binds; plain: two transactions", Place: p, Make: TransactionOnBoth, Budget: NoBudget, Left: Without(WrongDatabase, Resolver)},
	}...)
	return append(statements, transactions...)
}
