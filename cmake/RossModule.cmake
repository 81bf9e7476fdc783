# ross_module(NAME [DIR d] [DEPS target…] [LIBS lib…]): a static library of every .c in the folder but main.c, with a
# test for each x_test.c and a fuzzer for each x_fuzz.c.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_compile_definitions(_GNU_SOURCE _FILE_OFFSET_BITS=64)
add_compile_options(
  $<$<COMPILE_LANGUAGE:C>:-Wall>
  $<$<COMPILE_LANGUAGE:C>:-Wextra>
  $<$<COMPILE_LANGUAGE:C>:-Wshadow>
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
  $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
  $<$<COMPILE_LANGUAGE:C>:-Wvla>
  $<$<COMPILE_LANGUAGE:C>:-Wformat=2>
  $<$<COMPILE_LANGUAGE:C>:-Wundef>
  $<$<COMPILE_LANGUAGE:C>:-Wwrite-strings>
  $<$<COMPILE_LANGUAGE:C>:-Wimplicit-fallthrough>
  -fno-strict-aliasing -fno-common -ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections -Wl,--as-needed)
if(ROSS_FAULTS)
  add_compile_definitions(ROSS_FAULTS)
endif()

# ross_test(TARGET SOURCES… LIBS …): one cmocka program under CTest.
function(ross_test name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
  target_link_libraries(${name} PRIVATE ${A_LIBS} cmocka)
  target_compile_definitions(${name} PRIVATE TEST_SOURCE_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
endfunction()

# A fuzzer: with ROSS_FUZZ a libFuzzer program; otherwise a test that replays its corpus (integration/corpus/NAME).
function(ross_fuzz name source)
  cmake_parse_arguments(A "" "" "LIBS" ${ARGN})
  if(ROSS_FUZZ)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE ${A_LIBS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  elseif(ROSS_TESTS)
    add_executable(${name} ${source} ${CMAKE_SOURCE_DIR}/libross/base/fuzz_replay.c)
    target_link_libraries(${name} PRIVATE ${A_LIBS})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
    add_test(NAME ${name} COMMAND ${name} ${CMAKE_SOURCE_DIR}/integration/corpus/${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 600)
  endif()
endfunction()

function(ross_module name)
  cmake_parse_arguments(A "" "" "DEPS;LIBS;TEST_LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.c)
  file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_fuzz.c)
  list(REMOVE_ITEM sources ${tests} ${fuzzers} ${CMAKE_CURRENT_SOURCE_DIR}/main.c
       ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_replay.c)
  if(NOT sources) # headers only: an empty archive, so that targets that name the module still configure
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/empty.c "")
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/empty.c)
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC ${A_DEPS} ${A_LIBS})
  if(ROSS_TESTS)
    foreach(t ${tests})
      get_filename_component(n ${t} NAME_WE)
      ross_test(${n} SOURCES ${t} LIBS ${name} ${A_TEST_LIBS} ross_base_test)
    endforeach()
  endif()
  foreach(f ${fuzzers})
    get_filename_component(n ${f} NAME_WE)
    ross_fuzz(${n} ${f} LIBS ${name} ${A_TEST_LIBS})
  endforeach()
endfunction()
