package mongo

import (
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// document is one with all that every document has. What a regular one, a master and a part have beside it is added by the caller.
func document(id string, expire time.Time) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "expire", Value: expire}, {Key: "modified", Value: time.Now()}}
}

func binary(data []byte) bson.E { return bson.E{Key: "value", Value: bson.Binary{Data: data}} }

// found is a document that anybody may have written.
type found bson.Raw

// get is an element; !ok: absent or null.
func (f found) get(name string) (bson.RawValue, bool) {
	v, err := bson.Raw(f).LookupErr(name)
	return v, err == nil && v.Type != bson.TypeNull && v.Type != bson.TypeUndefined
}

// isPart says that it is a piece of a message, which nobody asks for by its own id.
func (f found) isPart() bool {
	_, is := f.get("parent")
	return is
}

// value is a text or binary.
func (f found) value() ([]byte, error) {
	v, ok := f.get("value")
	if !ok {
		return nil, errors.New("the document has no value")
	}
	if text, ok := v.StringValueOK(); ok {
		return []byte(text), nil
	}
	if _, data, ok := v.BinaryOK(); ok {
		return data, nil
	}
	return nil, errors.New("the value of the document is neither text nor binary")
}

func (f found) encoding() string {
	v, _ := f.get("encoding")
	text, _ := v.StringValueOK()
	return text
}

// parts are the ids of a master, of whatever type; !ok: it is none.
func (f found) parts() ([]bson.RawValue, bool) {
	v, ok := f.get("keys")
	if !ok {
		return nil, false
	}
	list, ok := v.ArrayOK()
	if !ok {
		return nil, false
	}
	ids, err := list.Values()
	return ids, err == nil
}

// number is an element of any numeric type.
func (f found) number(names ...string) (int64, bool) {
	for _, name := range names {
		if v, ok := f.get(name); ok {
			return v.AsInt64OK()
		}
	}
	return 0, false
}
