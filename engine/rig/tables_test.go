package rig

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
)

// C is to run the same tables.
func TestTablesHoldNoPointers(t *testing.T) {
	assert.EqualValues(t, 16, reflect.TypeFor[target]().Size())
	assert.EqualValues(t, 8, reflect.TypeFor[cell]().Size())
	tables := reflect.TypeFor[Tables]()
	for i := range tables.NumField() {
		element := tables.Field(i).Type.Elem()
		if element.Kind() != reflect.Struct {
			assert.LessOrEqual(t, element.Kind(), reflect.Uint64)
			continue
		}
		for j := range element.NumField() {
			assert.LessOrEqual(t, element.Field(j).Type.Kind(), reflect.Uint64, element.Field(j).Name)
		}
	}
}
