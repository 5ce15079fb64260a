//! Whether fields that share a name in the answer can share it: §5.3.2 of the specification.
//!
//! graphql-js compares every two fields of a name. Here all fields of a name are compared with the
//! first of them, once for their shapes and once among those that can be of one object, which comes
//! to the same verdict: being alike is an equivalence in both. What is looked at is bounded by
//! [`MOST_LOOKED_AT`], because fields of abstract types are looked at once for each object.

use std::collections::{HashMap, HashSet};

use super::Checker;
use crate::document::{
    Fault, piece,
    syntax::{Document, Field, Operation, Selection, are_same},
    types::{Type, TypeId, Types},
};

/// How many fields are looked at for one operation.
const MOST_LOOKED_AT: usize = 200_000;

/// A field where it is met.
#[derive(Clone, Copy)]
struct Met<'a, 't> {
    field: &'a Field<'a>,
    parent: TypeId,
    ty: Option<&'t Type>,
}

/// Checks one operation, whose fields are all known.
pub(super) fn check<'a>(
    operation: &'a Operation<'a>,
    document: &'a Document<'a>,
    checker: &mut Checker<'a, '_>,
) {
    let mut merging = Merging {
        types: checker.types,
        fragments: document.fragments.iter().map(|f| (f.name.text, f)).collect(),
        left: MOST_LOOKED_AT,
    };
    let root = checker.types.root(operation.kind);
    let all = merging.collect([(operation.selections.as_slice(), root)]);
    let found = all.and_then(|all| {
        merging.shapes(&all)?;
        merging.parents(&all)
    });
    if let Err(fault) = found {
        checker.faults.add(fault);
    }
}

struct Merging<'a, 't> {
    types: &'t Types,
    fragments: HashMap<&'a str, &'a crate::document::syntax::Fragment<'a>>,
    left: usize,
}

type ByKey<'a, 't> = Vec<Vec<Met<'a, 't>>>;

impl<'a, 't> Merging<'a, 't> {
    /// The fields of some sets together, each fragment once.
    fn collect(
        &mut self,
        sets: impl IntoIterator<Item = (&'a [Selection<'a>], TypeId)>,
    ) -> Result<Vec<Met<'a, 't>>, Fault> {
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        let mut left: Vec<_> = sets.into_iter().collect();
        while let Some((set, parent)) = left.pop() {
            for selection in set.iter() {
                match self.left.checked_sub(1) {
                    Some(less) => self.left = less,
                    None => {
                        let text = "the document's fields overlap in too many ways";
                        return Err(Fault::too_complex(text));
                    }
                }
                match selection {
                    Selection::Field(field) => {
                        let ty = self.types.field(parent, field.name.text).map(|info| &info.ty);
                        all.push(Met { field, parent, ty });
                    }
                    Selection::Inline(inline) => {
                        let on = inline.on.and_then(|name| self.types.id(name.text));
                        left.push((&inline.selections, on.unwrap_or(parent)));
                    }
                    Selection::Spread(spread) => {
                        if let Some(fragment) = self.fragments.get(spread.name.text)
                            && let Some(on) = self.types.id(fragment.on.text)
                            && seen.insert(spread.name.text)
                        {
                            left.push((&fragment.selections, on));
                        }
                    }
                }
            }
        }
        Ok(all)
    }

    /// What is selected of these fields together.
    fn inner(&mut self, fields: &[Met<'a, 't>]) -> Result<Vec<Met<'a, 't>>, Fault> {
        let sets = fields.iter().filter_map(|met| {
            let set = met.field.selections.as_deref()?;
            Some((set, met.ty?.named()))
        });
        let sets: Vec<_> = sets.collect();
        self.collect(sets)
    }

    /// All fields of a name answer with the same shape, whatever object they are of.
    fn shapes(&mut self, fields: &[Met<'a, 't>]) -> Result<(), Fault> {
        for group in by_key(fields) {
            // graphql-js gives the schema's own fields, such as `__typename`, no type here.
            let mut typed = group.iter().filter(|met| !met.field.name.text.starts_with("__"));
            if let Some(first) = typed.next() {
                for other in typed {
                    if let (Some(a), Some(b)) = (first.ty, other.ty)
                        && !self.is_same_shape(a, b)
                    {
                        let (a, b) = (self.types.shown(a), self.types.shown(b));
                        return Err(conflict(
                            other.field,
                            &format!("is of type {a} and of type {b}"),
                        ));
                    }
                }
            }
            let inner = self.inner(&group)?;
            if !inner.is_empty() {
                self.shapes(&inner)?;
            }
        }
        Ok(())
    }

    /// All fields of a name that can be of one object are the same field with the same arguments.
    fn parents(&mut self, fields: &[Met<'a, 't>]) -> Result<(), Fault> {
        for group in by_key(fields) {
            for together in self.by_object(&group) {
                if let [first, others @ ..] = together.as_slice() {
                    for other in others {
                        let (a, b) = (first.field, other.field);
                        if a.name.text != b.name.text {
                            let text =
                                format!("means {} and {}", piece(a.name.text), piece(b.name.text));
                            return Err(conflict(b, &text));
                        }
                        if !are_same(&a.arguments, &b.arguments) {
                            return Err(conflict(b, "is asked for with different arguments"));
                        }
                    }
                }
                let inner = self.inner(&together)?;
                if !inner.is_empty() {
                    self.parents(&inner)?;
                }
            }
        }
        Ok(())
    }

    /// Fields that can be of one object: those of the object with all that may be of any.
    fn by_object(&self, group: &[Met<'a, 't>]) -> Vec<Vec<Met<'a, 't>>> {
        let (of_objects, of_any): (Vec<Met<'a, 't>>, Vec<Met<'a, 't>>) =
            group.iter().partition(|met| self.types.is_object(met.parent));
        let mut objects: Vec<(TypeId, Vec<Met<'a, 't>>)> = Vec::new();
        for met in of_objects {
            match objects.iter_mut().find(|(parent, _)| *parent == met.parent) {
                Some((_, together)) => together.push(met),
                None => objects.push((met.parent, vec![met])),
            }
        }
        if objects.is_empty() {
            return vec![of_any];
        }
        objects
            .into_iter()
            .map(|(_, mut together)| {
                together.extend(&of_any);
                together
            })
            .collect()
    }

    fn is_same_shape(&self, a: &Type, b: &Type) -> bool {
        match (a, b) {
            (Type::List(a), Type::List(b)) | (Type::NonNull(a), Type::NonNull(b)) => {
                self.is_same_shape(a, b)
            }
            (Type::Named(a), Type::Named(b)) => {
                a == b || (self.types.is_composite(*a) && self.types.is_composite(*b))
            }
            (Type::List(_) | Type::NonNull(_) | Type::Named(_), _) => false,
        }
    }
}

/// Fields by what they are called in the answer.
fn by_key<'a, 't>(fields: &[Met<'a, 't>]) -> ByKey<'a, 't> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: ByKey<'a, 't> = Vec::new();
    for met in fields {
        let next = groups.len();
        let place = *places.entry(met.field.key().text).or_insert(next);
        match groups.get_mut(place) {
            Some(group) => group.push(*met),
            None => groups.push(vec![*met]),
        }
    }
    groups
}

fn conflict(field: &Field<'_>, how: &str) -> Fault {
    let key = field.key();
    let text = format!("{} {how}; give one of them an alias", piece(key.text));
    Fault::invalid(key.at, text)
}
