//! Keys over the life of an instance: their versions, states and ends are what they were after every start, and nothing opens or
//! seals with a version that is at its end.
