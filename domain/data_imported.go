package domain

// DataImported says that an operator brings in data of the system before this one, or the main
// application's entities from files. It stands before the first of them, so that what an interrupted
// import left behind is on record too; an import that changes nothing leaves none. Numbers are what is
// about to be appended.
type DataImported struct {
	Files           []ImportedFile `json:"files"`
	Entities        int            `json:"entities"`
	Connections     int            `json:"connections"`
	Tokens          int            `json:"tokens,omitempty"` // of connections, that are sealed; absent: none
	Dashboards      int            `json:"dashboards"`
	Posts           int            `json:"posts"`
	AccountReadings int            `json:"account_readings"`
	PostReadings    int            `json:"post_readings"`
	Repaired        int            `json:"repaired"` // what was taken out of link sets, users and scopes
	Refused         int            `json:"refused"`  // rows that are left out
}

// ImportedFile is a file as it was read. Its name is without its directory.
type ImportedFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hex
}

// EventType implements [Data].
func (DataImported) EventType() string { return "operations.data_imported.v1" }
