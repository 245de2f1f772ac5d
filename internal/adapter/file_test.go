package adapter

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// An indexed adapter is the one that Open reads, once its factors are read too.
func TestIndex(t *testing.T) {
	dir := folder(t, `{"peft_type": "LORA", "r": 2}`, append(pair(q0, 2), pair(v2, 2)...)...)
	want, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Index(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Modules {
		m := &got.Modules[i]
		for _, x := range []*Tensor{&m.A, &m.B} {
			if x.Data != nil {
				t.Errorf("%s was read early", x.Name)
			}
			if *x, err = got.Read(*x, nil); err != nil {
				t.Fatal(err)
			}
			if err := got.Finite(*x); err != nil {
				t.Error(err)
			}
		}
	}
	if !reflect.DeepEqual(got.Modules, want.Modules) || len(got.Warnings) > 0 {
		t.Errorf("modules %v and warnings %v, want %v and none", got.Modules, got.Warnings, want.Modules)
	}
	if err := got.Close(); err != nil {
		t.Error(err)
	}
	if _, err := got.Read(got.Modules[0].A, nil); err == nil {
		t.Error("read from a closed file: no error")
	}
	if x, err := want.Read(want.Modules[0].A, nil); err != nil || !reflect.DeepEqual(x, want.Modules[0].A) || want.Close() != nil {
		t.Errorf("of an adapter that is read: %v, %v", x, err)
	}
}

// What is not finite is found when it is read, and said as Open says it.
func TestIndexNotFinite(t *testing.T) {
	p := pair(q0, 2)
	p[0] = Float32Tensor(p[0].Name, p[0].Shape, []float32{1, 2, 3, 4, 5, float32(math.Inf(1))})
	dir := folder(t, `{"peft_type": "LORA", "r": 2}`, p...)
	_, want := Open(dir)
	a, err := Index(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	x, err := a.Read(a.Modules[0].A, nil)
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := a.Finite(x); !errors.As(err, &e) || want == nil || err.Error() != want.Error() || !strings.Contains(e.Msg, "holds Inf") {
		t.Errorf("%v, want %v", err, want)
	}
}
