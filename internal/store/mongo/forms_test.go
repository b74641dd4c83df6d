package mongo

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"posthoorn/internal/store"
	"posthoorn/internal/testbed"
)

// gzipped is a compressed value, in one piece.
func gzipped(text string) []byte { return new(store.Codec).Compress([]byte(text)) }

func bin(data []byte) bson.Binary { return bson.Binary{Data: data} }

// forms are documents as other programs write them, and what is then under the key.
var forms = map[string]struct {
	documents []bson.D
	data      string
	says      string // the error
}{
	"text":             {data: "grüße", documents: []bson.D{{{Key: "_id", Value: "key"}, {Key: "value", Value: "grüße"}}}},
	"binary":           {data: "gr\xfc\xdfe", documents: []bson.D{{{Key: "_id", Value: "key"}, {Key: "value", Value: bin([]byte("gr\xfc\xdfe"))}, {Key: "encoding", Value: "identity"}}}},
	"gzip":             {data: "inside", documents: []bson.D{{{Key: "_id", Value: "key"}, {Key: "value", Value: bin(gzipped("inside"))}, {Key: "encoding", Value: "gzip"}}}},
	"null encoding":    {data: "x", documents: []bson.D{{{Key: "_id", Value: "key"}, {Key: "value", Value: "x"}, {Key: "encoding", Value: nil}, {Key: "expire", Value: nil}}}},
	"unknown encoding": {says: `encoding "br"`, documents: []bson.D{{{Key: "_id", Value: "key"}, {Key: "value", Value: "x"}, {Key: "encoding", Value: "br"}}}},
	"damaged gzip":     {says: "damaged", documents: []bson.D{{{Key: "_id", Value: "key"}, {Key: "value", Value: bin(gzipped("inside")[:20])}, {Key: "encoding", Value: "gzip"}}}},
	"no value":         {says: "no value", documents: []bson.D{{{Key: "_id", Value: "key"}}}},
	"other value":      {says: "neither text nor binary", documents: []bson.D{{{Key: "_id", Value: "key"}, {Key: "value", Value: bson.D{{Key: "subject", Value: "x"}}}}}},

	"parts": {data: "onetwo", documents: []bson.D{
		{{Key: "_id", Value: "key"}, {Key: "keys", Value: bson.A{"p1", "p2"}}, {Key: "size", Value: 6}, {Key: "encoding", Value: "identity"}},
		{{Key: "_id", Value: "p1"}, {Key: "value", Value: "one"}, {Key: "parent", Value: "key"}, {Key: "offset", Value: 0}},
		{{Key: "_id", Value: "p2"}, {Key: "value", Value: bin([]byte("two"))}, {Key: "parent", Value: "key"}, {Key: "offset", Value: int64(3)}},
	}},
	"parts in another order, with start and other ids": {data: "onetwo", documents: []bson.D{
		{{Key: "_id", Value: "key"}, {Key: "keys", Value: bson.A{7, bson.ObjectID{1}}}, {Key: "size", Value: 6.0}},
		{{Key: "_id", Value: 7}, {Key: "value", Value: "two"}, {Key: "parent", Value: "key"}, {Key: "start", Value: 3.0}},
		{{Key: "_id", Value: bson.ObjectID{1}}, {Key: "value", Value: "one"}, {Key: "parent", Value: "key"}, {Key: "start", Value: 0}},
	}},
	"parts without places": {data: "onetwo", documents: []bson.D{
		{{Key: "_id", Value: "key"}, {Key: "keys", Value: bson.A{"p1", "p2"}}},
		{{Key: "_id", Value: "p1"}, {Key: "value", Value: "one"}, {Key: "parent", Value: "key"}},
		{{Key: "_id", Value: "p2"}, {Key: "value", Value: "two"}, {Key: "parent", Value: "key"}},
	}},
	"compressed parts": {data: "inside", documents: []bson.D{
		{{Key: "_id", Value: "key"}, {Key: "keys", Value: bson.A{"p1", "p2"}}, {Key: "size", Value: 6}, {Key: "encoding", Value: "gzip"}},
		{{Key: "_id", Value: "p1"}, {Key: "value", Value: bin(gzipped("inside")[:10])}, {Key: "parent", Value: "key"}, {Key: "offset", Value: 0}},
		{{Key: "_id", Value: "p2"}, {Key: "value", Value: bin(gzipped("inside")[10:])}, {Key: "parent", Value: "key"}, {Key: "offset", Value: 10}},
	}},
	"a part is missing": {says: "part 2 of 2 is missing", documents: []bson.D{
		{{Key: "_id", Value: "key"}, {Key: "keys", Value: bson.A{"p1", "p2"}}, {Key: "size", Value: 6}},
		{{Key: "_id", Value: "p1"}, {Key: "value", Value: "one"}, {Key: "parent", Value: "key"}, {Key: "offset", Value: 0}},
	}},
	"a hole": {says: "part 2 begins at 4, where 3 bytes stand before it", documents: []bson.D{
		{{Key: "_id", Value: "key"}, {Key: "keys", Value: bson.A{"p1", "p2"}}, {Key: "size", Value: 7}},
		{{Key: "_id", Value: "p1"}, {Key: "value", Value: "one"}, {Key: "parent", Value: "key"}, {Key: "offset", Value: 0}},
		{{Key: "_id", Value: "p2"}, {Key: "value", Value: "two"}, {Key: "parent", Value: "key"}, {Key: "offset", Value: 4}},
	}},
	"wrong size": {says: "has 3 bytes in its parts, and should have 4", documents: []bson.D{
		{{Key: "_id", Value: "key"}, {Key: "keys", Value: bson.A{"p1"}}, {Key: "size", Value: 4}},
		{{Key: "_id", Value: "p1"}, {Key: "value", Value: "one"}, {Key: "parent", Value: "key"}, {Key: "offset", Value: 0}},
	}},
	"too large by size": {says: store.ErrTooLarge.Error(), documents: []bson.D{
		{{Key: "_id", Value: "key"}, {Key: "keys", Value: bson.A{"p1"}}, {Key: "size", Value: int64(1) << 60}},
	}},
	"one part again and again": {says: store.ErrTooLarge.Error(), documents: []bson.D{
		{{Key: "_id", Value: "key"}, {Key: "keys", Value: many("p1", 30)}},
		{{Key: "_id", Value: "p1"}, {Key: "value", Value: strings.Repeat("x", 300_000)}, {Key: "parent", Value: "key"}},
	}},
	"too many parts": {says: store.ErrTooLarge.Error(), documents: []bson.D{{{Key: "_id", Value: "key"}, {Key: "keys", Value: many("p1", mostParts+1)}}}},
	"a part alone": {says: store.ErrNotFound.Error(), documents: []bson.D{
		{{Key: "_id", Value: "key"}, {Key: "value", Value: "one"}, {Key: "parent", Value: "other"}, {Key: "offset", Value: 0}},
	}},

	"before 5.2": {data: "onetwo", documents: []bson.D{
		{{Key: "_id", Value: "key\x001\x002"}, {Key: "value", Value: "two"}},
		{{Key: "_id", Value: "key\x000\x002"}, {Key: "value", Value: bin([]byte("one"))}},
		{{Key: "_id", Value: "key2"}, {Key: "value", Value: "other"}},
	}},
	"before 5.2, eleven parts, compressed": {data: "inside", documents: pieces(gzipped("inside"), 11)},
	"before 5.2, a part is missing": {says: "part 2 of 2 is missing", documents: []bson.D{
		{{Key: "_id", Value: "key\x000\x002"}, {Key: "value", Value: "one"}},
	}},
	"before 5.2, no number":      {says: store.ErrNotFound.Error(), documents: []bson.D{{{Key: "_id", Value: "key\x000\x00x"}, {Key: "value", Value: "one"}}}},
	"before 5.2, too many parts": {says: store.ErrTooLarge.Error(), documents: []bson.D{{{Key: "_id", Value: "key\x000\x00999999999"}, {Key: "value", Value: "one"}}}},
	"other keys": {says: store.ErrNotFound.Error(), documents: []bson.D{
		{{Key: "_id", Value: "KEY"}, {Key: "value", Value: "x"}}, {{Key: "_id", Value: "key "}, {Key: "value", Value: "x"}}, {{Key: "_id", Value: "ke"}, {Key: "value", Value: "x"}},
	}},
}

func many(id string, n int) (all bson.A) {
	for range n {
		all = append(all, id)
	}
	return all
}

// pieces are n documents of the form before 5.2.
func pieces(data []byte, n int) (all []bson.D) {
	for i := range n {
		piece := data[len(data)*i/n : len(data)*(i+1)/n]
		all = append(all, bson.D{{Key: "_id", Value: fmt.Sprintf("key\x00%d\x00%d", i, n)}, {Key: "value", Value: bin(piece)}, {Key: "encoding", Value: "gzip"}})
	}
	return all
}

func TestForms(t *testing.T) {
	server := testbed.FerretDB(t)
	for name, c := range forms {
		t.Run(name, func(t *testing.T) {
			database := server.NewName()
			documents := raw(t, server, database)
			for _, d := range c.documents {
				if _, err := documents.InsertOne(t.Context(), d); err != nil {
					t.Fatal(err)
				}
			}
			s := open(t, "mongodb://"+server.Addr()+"/"+database+"/messages", store.Options{MaxSize: 1 << 20})
			data, err := s.Get(t.Context(), "key")
			if string(data) != c.data || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("have %q, %v", data, err)
			}
			if final := c.says == store.ErrNotFound.Error() || c.says == store.ErrTooLarge.Error(); final != (errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrTooLarge)) {
				t.Errorf("%v is final: %v", err, !final)
			}
			if c.data == "" {
				return
			}
			if err := s.Delete(t.Context(), "key"); err != nil {
				t.Fatal(err)
			}
			n, err := documents.CountDocuments(t.Context(), bson.D{})
			if err != nil || n > 1 || n == 1 && name != "before 5.2" {
				t.Errorf("%d documents are left, %v", n, err)
			}
		})
	}
}

func open(t *testing.T, address string, o store.Options) *store.Store {
	t.Helper()
	a, err := store.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	o.Logger = slog.New(slog.DiscardHandler)
	s, err := Open(a, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// What we write is what others are told that we write.
func TestWrittenForm(t *testing.T) {
	server := testbed.FerretDB(t)
	database := server.NewName()
	documents := raw(t, server, database)
	s := open(t, "mongodb://"+server.Addr()+"/"+database+"/messages", store.Options{})
	expire := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	for key, data := range map[string]string{"small": "x", "large": strings.Repeat("y", mostBytes+1)} {
		if err := s.Put(t.Context(), key, []byte(data), expire); err != nil {
			t.Fatal(err)
		}
	}
	var small struct {
		Value            bson.Binary
		Encoding         string
		Expire, Modified time.Time
	}
	if err := documents.FindOne(t.Context(), bson.D{{Key: "_id", Value: "small"}}).Decode(&small); err != nil {
		t.Fatal(err)
	}
	if string(small.Value.Data) != "x" || small.Encoding != "identity" || !small.Expire.Equal(expire) || time.Since(small.Modified) > time.Minute {
		t.Errorf("have %+v", small)
	}
	var master struct {
		Keys  []string
		Size  int
		Value any
	}
	if err := documents.FindOne(t.Context(), bson.D{{Key: "_id", Value: "large"}}).Decode(&master); err != nil {
		t.Fatal(err)
	}
	if len(master.Keys) != 2 || master.Size != mostBytes+1 || master.Value != nil {
		t.Errorf("have %+v", master)
	}
	for i, id := range master.Keys {
		var part struct {
			Value  bson.Binary
			Parent string
			Offset int
			Expire time.Time
		}
		if err := documents.FindOne(t.Context(), bson.D{{Key: "_id", Value: id}}).Decode(&part); err != nil {
			t.Fatal(err)
		}
		if part.Parent != "large" || part.Offset != i*mostBytes || !part.Expire.Equal(expire) || len(part.Value.Data) != []int{mostBytes, 1}[i] {
			t.Errorf("part %d: parent %s, offset %d, %d bytes", i, part.Parent, part.Offset, len(part.Value.Data))
		}
	}
}

// A reader that a replica is behind of finds what comes a little later.
func TestReadAttempts(t *testing.T) {
	server := testbed.FerretDB(t)
	address := "mongodb://" + server.Addr() + "/" + server.NewName() + "/messages"
	patient, other := open(t, address+"?readAttempts=100", store.Options{}), open(t, address, store.Options{})
	answer := make(chan error)
	go func() {
		_, err := patient.Get(t.Context(), "late")
		answer <- err
	}()
	if err := other.Put(t.Context(), "late", []byte("x"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Error(err)
	}
	few := open(t, address+"?readAttempts=2", store.Options{})
	if _, err := few.Get(t.Context(), "never"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}
