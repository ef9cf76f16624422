// Package pages holds the documents of the repository true: its tests run the code of the
// pages, and compare their links, numbers, lists and translations with the repository.
// (The programs that a page builds file by file are run by the tests of docs.)
package pages
