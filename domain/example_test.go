package domain_test

import (
	"errors"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
)

// An event is stored under a versioned type name and decoded by it, whichever release wrote it.
func ExampleRegistry() {
	registry := domain.NewRegistry()
	stored, err := registry.Encode(domain.DirectoryCategory{ID: 4, Name: "Events"})
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := registry.Decode("directory.category.v1", stored)
	fmt.Printf("%s\n%+v %v\n", stored, data, err)
	_, err = registry.Decode("directory.category.v2", stored)
	fmt.Println(errors.Is(err, domain.ErrUnknownType), err)
	// Output:
	// {"id":4,"name":"Events"}
	// {ID:4 Name:Events} <nil>
	// true unknown event type "directory.category.v2"
}
